"""Core tables as they come, to numbers in one set of units: strict, with every problem named by file, row, column, value, rule and cure.

``decoding`` and ``csv_text`` find the cells, ``columns`` says what each column is and in which unit, ``cell_values`` reads a cell, ``core_tables``
puts a file together and checks each value, ``sample_checks`` compares rows with each other and with what is known of the place.
"""
