"""Localization models: what they need, their presets, the networks. ``flowgrad.load_model`` is in ``loading``."""
