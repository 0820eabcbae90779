"""A picture file as the one frame of a clip."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flowgrad.errors import MediaError
from flowgrad.media.container import MOST_PIXELS
from flowgrad.media.video import Picture


def still(path: Path) -> Picture:
    """Return the picture of a file, upright, as frame 0.

    Raises ``MediaError`` where the file is absent or no picture.
    """
    import av
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                raise MediaError(f"has {image.width}x{image.height} pixels, more than {MOST_PIXELS}")
            rgb = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except FileNotFoundError as error:
        raise MediaError("the file is gone") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"is no picture that can be read: {error}".replace(f"{path}", path.name)) from error
    return Picture(0, 0.0, av.VideoFrame.from_ndarray(rgb, format="rgb24"))
