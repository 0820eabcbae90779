"""The errors that are a user's to mend: their message is one sentence naming file, column or key."""


class InputError(ValueError):
    """Something that was given (configuration, dataset, weights, array) is wrong; the message says what to do."""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, or its type's name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class MediaError(InputError):
    """A video or sound file that cannot be used; the message becomes the clip's reason in ``clips.csv``."""
