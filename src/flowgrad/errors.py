"""The errors that are a user's to mend: their message is one sentence naming file, column or key."""


class InputError(ValueError):
    """Something that was given (configuration, dataset, weights, array) is wrong; the message says what to do."""


class MediaError(InputError):
    """A video or sound file that cannot be used; the message becomes the clip's reason in ``clips.csv``."""
