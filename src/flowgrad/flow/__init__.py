"""Optical flow: estimators behind one protocol, and how a magnitude is stored."""

from flowgrad.flow.farneback import Farneback
from flowgrad.flow.magnitude import FlowEstimator, jpeg_magnitude, map_magnitude, network_input

__all__ = ["Farneback", "FlowEstimator", "jpeg_magnitude", "map_magnitude", "network_input"]
