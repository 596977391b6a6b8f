"""Labels that follow the brush: kept features, scored and refined anew with each stroke."""
