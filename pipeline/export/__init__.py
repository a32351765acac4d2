"""The results for other programs: one small module a format. Each reads products and writes a file; none changes a number."""
