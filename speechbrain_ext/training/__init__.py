"""Training of phases and folds: experiments on disk, resume, launching."""
