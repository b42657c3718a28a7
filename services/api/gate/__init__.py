"""What every request passes on its way in and its answer on its way out: bounds, a name, and what is told of it."""
