"""From tonnes in place to tonnes that can be lifted: masks of the sea floor, mined columns, panels."""
