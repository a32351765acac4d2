"""The region of a finished build on finer cells, out of core: memory grows with a tile and the data, not with the grid.

What was fitted and chosen on the coarse grid is used as it is; grades and realisations are made anew, tile by tile.
"""
