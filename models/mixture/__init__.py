"""The parts of `models.gmm`: components and their EM step, the plan of a fit, drawing."""
