"""Where numbers come from: the graph that the Makefile is, the formula of every column, and the input rows, settings and products behind a number."""
