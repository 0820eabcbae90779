"""Coarse to Fine (Qian et al., "Multiple Sound Sources Localization from Coarse to Fine", ECCV 2020).

The simplified version of the released code: sounds and pictures are told apart by seven classes first, then what is
heard of a class is compared with every place of the picture.
"""
