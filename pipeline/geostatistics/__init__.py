"""Geostatistics on arrays: opens no file, knows no element."""
