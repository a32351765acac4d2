"""What a map page carries: packed rasters, places, cores and tonnage, from artefacts to what the page's script reads."""
