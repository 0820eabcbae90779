"""Coarse to Fine (Qian et al., "Multiple Sound Sources Localization from Coarse to Fine", ECCV 2020).

Sounds and pictures are told apart by seven classes first, then what is heard of a class is compared with every place
of the picture. ``original*`` is the paper's own version, all else the simplified one of the released code.
"""
