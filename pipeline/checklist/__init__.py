"""The criteria of Table 1 and what the artefacts of an assessment say of each.

One function answers one criterion, its words beside its figures, in English and in Japanese: a figure without its sentence, or the other way round,
would be of no use to a reviewer. The names of the criteria are those of the CRIRSCO template's and the JORC Code's Table 1 as far as they apply to
mud below the seafloor; what is said of them is this program's own.
"""
