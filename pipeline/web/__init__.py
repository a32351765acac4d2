"""Pages that open anywhere: vendored scripts, the inliner, the map panel. Arrays and text in, HTML out."""
