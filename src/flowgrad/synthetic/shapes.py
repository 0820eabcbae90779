"""The shapes of vehicles, in metres: x from the rear bumper to the front, y up from the ground.

``outline`` runs from the lower rear corner over the roof to the lower front corner; extruded over the vehicle's width
it is the body. Where the body is glass is told by the numbers of the outline's edges.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]
Polygon = tuple[Point, ...]


@dataclass(frozen=True)
class Shape:
    """One shape of a class of vehicles."""

    label: str
    length: float
    width: float
    outline: Polygon
    wheels: Polygon
    """x of the axle and radius."""
    windows: tuple[Polygon, ...] = ()
    screens: tuple[int, ...] = ()
    """The edges of the outline that are glass."""
    panels: tuple[Polygon, ...] = ()
    """Parts of the side in the second colour: a load area, a stripe."""
    seams: tuple[Polygon, ...] = ()
    """Joints of doors and panels."""
    lean: float = 1.0
    """Width at the top as a share of the width at the bottom."""
    lights: tuple[float, float] = (0.6, 0.75)
    """Heights between which the lights lie."""
    rider: bool = False

    @property
    def height(self) -> float:
        """Return the height of the highest point."""
        return max(y for _, y in self.outline)


def _chain(text: str) -> Polygon:
    """Read points: ``"x y, x y"``."""
    points = (point.split() for point in text.split(","))
    return tuple((float(x), float(y)) for x, y in points)


def _chains(text: str) -> tuple[Polygon, ...]:
    """Read several chains of points, parted by semicolons."""
    return tuple(_chain(part) for part in text.split(";"))


SHAPES: dict[str, Shape] = {
    "hatchback": Shape(
        label="car",
        length=4.0,
        width=1.75,
        outline=_chain(
            "0.06 0.24, 0 0.5, 0.06 0.9, 0.35 1.38, 0.75 1.48, 1.9 1.5, 2.3 1.42, 3 0.98, 3.7 0.86, 3.95 0.68, "
            "4 0.45, 3.92 0.24"
        ),
        wheels=_chain("0.72 0.31, 3.22 0.31"),
        windows=_chains("0.55 0.95, 0.72 1.34, 1.42 1.4, 1.42 0.93; 1.52 0.93, 1.52 1.4, 2.1 1.38, 2.78 0.95"),
        screens=(2, 6),
        seams=_chains("1.47 1.4, 1.42 0.35; 2.72 0.95, 2.65 0.35"),
        lean=0.84,
    ),
    "saloon": Shape(
        label="car",
        length=4.6,
        width=1.8,
        outline=_chain(
            "0.05 0.26, 0 0.55, 0.06 0.9, 0.75 1, 1.3 1.38, 1.8 1.44, 2.45 1.44, 2.85 1.34, 3.5 0.95, 4.3 0.82, "
            "4.55 0.66, 4.6 0.42, 4.5 0.22"
        ),
        wheels=_chain("0.9 0.32, 3.72 0.32"),
        windows=_chains("1.05 1, 1.42 1.32, 2.02 1.36, 2.02 0.96; 2.12 0.96, 2.12 1.36, 2.62 1.32, 3.25 0.96"),
        screens=(3, 7),
        seams=_chains("2.07 1.36, 2 0.36; 3.2 0.96, 3.1 0.36; 1.25 1.1, 1.2 0.5"),
        lean=0.82,
    ),
    "estate": Shape(
        label="car",
        length=4.6,
        width=1.8,
        outline=_chain(
            "0.04 0.26, 0 0.55, 0.05 0.95, 0.3 1.4, 0.6 1.48, 2.45 1.5, 2.85 1.38, 3.5 0.97, 4.3 0.85, "
            "4.55 0.66, 4.6 0.42, 4.5 0.22"
        ),
        wheels=_chain("0.9 0.32, 3.7 0.32"),
        windows=_chains(
            "0.4 0.98, 0.52 1.38, 1.15 1.41, 1.15 0.97; "
            "1.24 0.97, 1.24 1.41, 2.02 1.42, 2.02 0.96; "
            "2.12 0.96, 2.12 1.42, 2.65 1.36, 3.25 0.96"
        ),
        screens=(2, 6),
        seams=_chains("2.07 1.4, 2 0.36; 3.2 0.96, 3.1 0.36; 1.2 1.4, 1.2 0.6"),
        lean=0.84,
    ),
    "suv": Shape(
        label="car",
        length=4.5,
        width=1.9,
        outline=_chain(
            "0.05 0.32, 0 0.65, 0.05 1.1, 0.25 1.62, 0.55 1.7, 2.3 1.72, 2.7 1.6, 3.25 1.15, 4.2 1.04, "
            "4.46 0.85, 4.5 0.5, 4.42 0.3"
        ),
        wheels=_chain("0.9 0.37, 3.6 0.37"),
        windows=_chains(
            "0.35 1.15, 0.5 1.58, 1.15 1.6, 1.15 1.13; "
            "1.24 1.13, 1.24 1.6, 1.95 1.6, 1.95 1.12; "
            "2.04 1.12, 2.04 1.6, 2.5 1.56, 3 1.13"
        ),
        screens=(2, 6),
        seams=_chains("2 1.6, 1.95 0.45; 3 1.1, 2.9 0.45"),
        lean=0.86,
        lights=(0.75, 0.92),
    ),
    "van": Shape(
        label="car",
        length=5.2,
        width=2.0,
        outline=_chain(
            "0.02 0.3, 0 0.7, 0.02 1.3, 0.08 2.1, 0.25 2.25, 3.5 2.28, 3.85 2.15, 4.5 1.3, 5.05 1.08, 5.2 0.75, "
            "5.2 0.4, 5.12 0.28"
        ),
        wheels=_chain("0.95 0.34, 4.2 0.34"),
        windows=_chains("3.2 1.35, 3.2 2, 3.72 2.02, 4.25 1.38"),
        screens=(6,),
        seams=_chains("3.1 2.15, 3.1 0.4; 1.9 2.15, 1.9 0.4; 4.2 1.3, 4.1 0.45"),
        lean=0.92,
        lights=(0.8, 1.0),
    ),
    "box truck": Shape(
        label="truck",
        length=7.6,
        width=2.4,
        outline=_chain(
            "0 0.62, 0 1.2, 0 3.4, 5.5 3.4, 5.62 2.55, 6.3 2.72, 7.05 2.6, 7.45 1.6, 7.58 1.2, 7.6 0.45, 7.5 0.35"
        ),
        wheels=_chain("1.5 0.47, 6.5 0.47"),
        windows=_chains("5.95 1.65, 5.95 2.4, 6.85 2.4, 7.15 1.62"),
        screens=(6,),
        panels=_chains("0 0.95, 0 3.4, 5.5 3.4, 5.5 0.95"),
        seams=_chains("5.85 2.6, 5.85 0.7; 1.8 3.3, 1.8 1; 3.65 3.3, 3.65 1"),
        lean=0.98,
        lights=(0.7, 0.92),
    ),
    "tipper": Shape(
        label="truck",
        length=7.2,
        width=2.45,
        outline=_chain(
            "0.05 0.7, 0 1.1, 0.05 2.35, 4.7 2.55, 4.95 2.85, 5.3 2.85, 6.55 2.82, 6.95 1.7, 7.12 1.3, 7.2 0.5, 7.1 0.4"
        ),
        wheels=_chain("1 0.5, 2.15 0.5, 5.95 0.5"),
        windows=_chains("5.4 1.7, 5.4 2.5, 6.35 2.5, 6.68 1.68"),
        screens=(6,),
        panels=_chains("0 1.05, 0.05 2.35, 4.7 2.55, 4.8 1.05"),
        seams=_chains(
            "0.9 2.35, 0.95 1.05; 1.85 2.4, 1.9 1.05; 2.8 2.42, 2.85 1.05; 3.75 2.5, 3.8 1.05; 5.2 2.7, 5.2 0.8"
        ),
        lean=0.98,
        lights=(0.75, 0.98),
    ),
    "pickup": Shape(
        label="truck",
        length=5.4,
        width=1.95,
        outline=_chain(
            "0.02 0.45, 0 0.7, 0.02 1.12, 2 1.14, 2.25 1.72, 2.6 1.82, 3.5 1.82, 3.75 1.72, 4.2 1.18, 5.15 1.05, "
            "5.38 0.85, 5.4 0.5, 5.3 0.38"
        ),
        wheels=_chain("1.1 0.41, 4.35 0.41"),
        windows=_chains("2.3 1.2, 2.48 1.68, 3 1.7, 3 1.18; 3.1 1.18, 3.1 1.7, 3.55 1.66, 3.95 1.18"),
        screens=(3, 7),
        seams=_chains("2.05 1.14, 2.05 0.6; 3.05 1.7, 3 0.55; 3.9 1.15, 3.85 0.55; 0.1 1, 1.9 1.02"),
        lean=0.9,
        lights=(0.75, 0.95),
    ),
    "city bus": Shape(
        label="bus",
        length=11.0,
        width=2.5,
        outline=_chain(
            "0.05 0.35, 0 1.2, 0.05 2.2, 0.12 2.95, 0.35 3.08, 10.6 3.08, 10.85 2.95, 10.97 1.25, 11 0.7, 10.95 0.3"
        ),
        wheels=_chain("2.7 0.48, 8.2 0.48"),
        windows=_chains(
            "0.41 1.3, 0.41 2.55, 1.765 2.55, 1.765 1.3; "
            "1.885 1.3, 1.885 2.55, 3.24 2.55, 3.24 1.3; "
            "3.36 1.3, 3.36 2.55, 4.715 2.55, 4.715 1.3; "
            "4.835 1.3, 4.835 2.55, 6.19 2.55, 6.19 1.3; "
            "6.31 1.3, 6.31 2.55, 7.665 2.55, 7.665 1.3; "
            "7.785 1.3, 7.785 2.55, 9.14 2.55, 9.14 1.3; "
            "9.35 0.5, 9.35 2.55, 10.45 2.55, 10.45 0.5; "
            "4.75 0.5, 4.75 2.55, 5.85 2.55, 5.85 0.5"
        ),
        screens=(2, 6),
        panels=_chains("0.03 0.35, 0.03 0.75, 11 0.75, 10.96 0.35; 0.1 2.7, 0.15 3, 10.8 3, 10.85 2.7"),
        seams=_chains("9.9 2.5, 9.9 0.5; 5.3 2.5, 5.3 0.5"),
        lean=0.97,
        lights=(0.6, 0.85),
    ),
    "coach": Shape(
        label="bus",
        length=12.0,
        width=2.55,
        outline=_chain(
            "0.1 0.4, 0 1.2, 0.05 2.2, 0.25 3.2, 0.6 3.4, 11.2 3.4, 11.6 3.2, 11.95 1.5, 12 0.8, 11.95 0.35"
        ),
        wheels=_chain("2.4 0.5, 3.6 0.5, 9.6 0.5"),
        windows=_chains(
            "0.53 1.85, 0.53 2.95, 2.49 2.95, 2.49 1.85; "
            "2.55 1.85, 2.55 2.95, 4.51 2.95, 4.51 1.85; "
            "4.57 1.85, 4.57 2.95, 6.53 2.95, 6.53 1.85; "
            "6.59 1.85, 6.59 2.95, 8.55 2.95, 8.55 1.85; "
            "8.61 1.85, 8.61 2.95, 10.57 2.95, 10.57 1.85; "
            "10.75 0.55, 10.75 2.9, 11.45 2.9, 11.6 0.55"
        ),
        screens=(2, 6),
        panels=_chains("0.05 1, 0.05 1.3, 8.5 1.6, 11 3.35, 11.4 3.3, 9.6 1.3, 9 1"),
        seams=_chains("4.6 1.6, 4.6 0.5; 6.4 1.6, 6.4 0.5; 8.2 1.6, 8.2 0.5"),
        lean=0.97,
        lights=(0.6, 0.9),
    ),
    "motorbike": Shape(
        label="motorbike",
        length=2.1,
        width=0.7,
        outline=_chain("0.1 0.2, 0 0.6, 0.3 0.95, 0.55 1.35, 0.8 1.66, 1.05 1.66, 1.15 1.4, 1.75 0.95, 2.1 0.6, 2 0.2"),
        wheels=_chain("0.33 0.32, 1.76 0.32"),
        lights=(0.8, 0.98),
        rider=True,
    ),
    "scooter": Shape(
        label="motorbike",
        length=1.8,
        width=0.68,
        outline=_chain("0.1 0.1, 0 0.5, 0.1 0.95, 0.5 1.4, 0.65 1.68, 0.9 1.68, 1 1.4, 1.4 1.05, 1.8 0.45, 1.7 0.1"),
        wheels=_chain("0.28 0.24, 1.5 0.24"),
        lights=(0.75, 0.92),
        rider=True,
    ),
    "bicycle": Shape(
        label="bicycle",
        length=1.75,
        width=0.55,
        outline=_chain("0.1 0.1, 0 0.35, 0.45 1, 0.6 1.4, 0.8 1.75, 1 1.75, 1.1 1.45, 1.5 1, 1.75 0.35, 1.65 0.1"),
        wheels=_chain("0.35 0.34, 1.4 0.34"),
        lights=(0.85, 0.92),
        rider=True,
    ),
}

SHAPES_OF: dict[str, tuple[str, ...]] = {
    label: tuple(name for name, shape in SHAPES.items() if shape.label == label)
    for label in ("car", "bus", "motorbike", "truck", "bicycle")
}

CLASSES = ("car", "bus", "motorbike", "truck")
"""Classes of the annotations, in the order of their ``class_id``."""
