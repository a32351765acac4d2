"""Chapters of the report: what the artefacts say, as text, tables and figures in both languages."""
