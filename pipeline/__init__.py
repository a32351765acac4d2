"""Seabed rare-earth assessment: cores and bathymetry in, grades, tonnages and maps out."""
