"""How many frames each protocol will score, and where it is none the usual reason: before anything is decoded."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from flowgrad.datasets.base import Annotations
from flowgrad.evaluation.ground_truth import is_heard, is_seen
from flowgrad.evaluation.truth import scored_frames
from flowgrad.evaluation.unscored import NO_COMMON_CLASS, NO_OVERLAP, why_unscored

if TYPE_CHECKING:
    from flowgrad.protocols import GroundTruth

MILLISECOND = 1e-3
REASONS_NAMED = 3
SLACK_S = 1.0
"""An annotation this much past the end of a clip is no rounding."""
MANY = 10
"""An annotation at so many times a clip's length may be in milliseconds."""

Known = Mapping[str, Annotations]


def outlook(annotated: Known, videos: Iterable[str], protocols: Mapping[str, GroundTruth]) -> list[str]:
    """Return how many frames each protocol scores, a sentence a protocol; where it is none, what is probably wrong.

    Boxes outside the frame, frames past a clip's end, and clips without sound are not known yet: fewer may be scored.

    Args:
        annotated: the annotations by clip.
        videos: the clips that have a video.
        protocols: their ground truth, by name.
    """
    names = list(videos)
    both = {name: annotated[name] for name in names if name in annotated}
    if not both:
        return [_nothing(protocols, _no_common_clip(annotated, names))]
    notes: list[str] = []
    without: dict[str, list[str]] = {}
    for name, protocol in protocols.items():
        frames, clips = _scored(both, protocol)
        if frames:
            notes.append(f"protocol {name} scores {_count(frames, 'frame')} of {_count(clips, 'clip')}")
        else:
            without.setdefault(_guess(both, protocol), []).append(name)
    notes += [_nothing(names, reason) for reason, names in without.items()]
    return [*notes, *_misnamed(annotated, names), *_fractions(both)]


def _misnamed(annotated: Known, videos: Collection[str]) -> Iterator[str]:
    """Give the annotated clips without a video whose name is nearly that of a video without annotations."""
    bare = sorted(set(videos) - annotated.keys())
    known = {name.lower(): name for name in bare}
    lonely = sorted(annotated.keys() - set(videos))
    near = {name: difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.8) for name in lonely if bare}
    pairs = [f"{name} ({known[found[0]]}?)" for name, found in near.items() if found]
    if pairs:
        more = f" and {len(pairs) - REASONS_NAMED} more" if len(pairs) > REASONS_NAMED else ""
        yield f"annotated without a video, and a video without annotations: {', '.join(pairs[:REASONS_NAMED])}{more}"


def _fractions(annotated: Known) -> Iterator[str]:
    boxes = [box for known in annotated.values() for box in known.boxes]
    if boxes and all(max(box.x, box.y, box.w, box.h) <= 1 for box in boxes):
        yield "no box is larger than a pixel: they look like fractions of the picture, and pixels are expected"


def _nothing(protocols: Iterable[str], reason: str) -> str:
    names = list(protocols)
    words = f"protocol {names[0]} scores" if len(names) == 1 else f"protocols {', '.join(names)} score"
    return f"{words} NO frame: {reason}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _scored(annotated: Known, protocol: GroundTruth) -> tuple[int, int]:
    """Return how many frames of how many clips are scored."""
    counts = [len(scored_frames(known, protocol)) for known in annotated.values()]
    return sum(counts), sum(count > 0 for count in counts)


def _no_common_clip(annotated: Known, videos: list[str]) -> str:
    if not annotated:
        return "the tables of annotations hold no row"
    first, video = min(annotated), min(videos, default=None)
    return f"no clip of the annotations has a video: the tables name {first!r}, a video is called {video!r}"


def _guess(annotated: Known, protocol: GroundTruth) -> str:
    """Return why no frame is scored, and what that usually comes from."""
    missing = {name: why_unscored(known, [protocol]) for name, known in annotated.items()}
    reasons = Counter(missing.values()).most_common(REASONS_NAMED)
    guess = ", ".join(f"{reason} ({_count(clips, 'clip')})" for reason, clips in reasons)
    boxed = {name for name, known in annotated.items() if known.boxes}
    heard = {name for name, known in annotated.items() if known.events}
    if boxed and heard and not boxed & heard:
        return f"{guess}: no clip is in both tables, the boxes' has {min(boxed)!r}, the sound events' {min(heard)!r}"
    if NO_OVERLAP in missing.values():
        for what, in_seconds in MILLISECONDS.items():
            frames, _ = _scored({name: in_seconds(known) for name, known in annotated.items()}, protocol)
            if frames:
                return f"{guess}: {what} look like milliseconds, as seconds {_count(frames, 'frame')} would be scored"
    unmatched = [annotated[name] for name, reason in missing.items() if reason == NO_COMMON_CLASS]
    if unmatched:
        seen = {box.label for known in unmatched for box in known.boxes if is_seen(box, protocol.boxes_past_edge)}
        sounding = {event.label for known in unmatched for event in known.events if is_heard(event)}
        return f"{guess}: boxes are of {', '.join(sorted(seen))}, sound events of {', '.join(sorted(sounding))}"
    return guess


def past_the_end(annotated: Known, lengths: Mapping[str, float]) -> str | None:
    """Return the sentence on clips that are annotated past their end; None where there is none.

    Args:
        annotated: the annotations by clip.
        lengths: how long some of the clips are, s.
    """
    last = {name: max(_times(annotated[name]), default=0.0) for name in lengths}
    late = {name: time for name, time in last.items() if time > lengths[name] + SLACK_S}
    if not late:
        return None
    name, time = next(iter(late.items()))
    words = (
        f"annotated past the end: {len(late)} of {_count(len(lengths), 'clip')} looked at, for example {name}, which"
    )
    words += f" lasts {lengths[name]:.4g} s and is annotated at {time:.6g} s"
    milliseconds = all(
        MANY * lengths[name] <= time <= (lengths[name] + SLACK_S) / MILLISECOND for name, time in late.items()
    )
    return words + ("; the times look like milliseconds" if milliseconds else "")


def _times(known: Annotations) -> list[float]:
    return [box.time for box in known.boxes] + [event.start for event in known.events]


def _boxes_in_seconds(known: Annotations) -> Annotations:
    return replace(known, boxes=tuple(replace(box, time=box.time * MILLISECOND) for box in known.boxes))


def _events_in_seconds(known: Annotations) -> Annotations:
    return replace(
        known,
        events=tuple(
            replace(event, start=event.start * MILLISECOND, end=event.end * MILLISECOND) for event in known.events
        ),
    )


MILLISECONDS: dict[str, Callable[[Annotations], Annotations]] = {
    "the times of the boxes": _boxes_in_seconds,
    "the times of the sound events": _events_in_seconds,
}
"""What may have been written in milliseconds, and the annotations with it in seconds."""
