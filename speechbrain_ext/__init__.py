"""Published speech emotion recognition systems as SpeechBrain recipes."""

__version__ = "0.1.0"
