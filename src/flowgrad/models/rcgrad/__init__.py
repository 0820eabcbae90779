"""RCGrad and the networks that FlowGrad makes of it: layout, encoders, maps, presets and what is learnt, together."""
