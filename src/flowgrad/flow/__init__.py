"""Optical flow: estimators behind one protocol, and the forms in which a flow is stored."""
