"""Training RCGrad, FlowGrad-IC and FlowGrad-EN from unlabelled videos: samples, objectives, and Lightning's loop."""
