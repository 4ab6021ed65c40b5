"""Training of steps and folds: experiments on disk, resume, launching."""
