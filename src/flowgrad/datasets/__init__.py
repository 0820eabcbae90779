"""Datasets: one module a published layout, one entry each in ``registry``."""
