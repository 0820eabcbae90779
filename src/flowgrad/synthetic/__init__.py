"""The synthetic street: seeded videos with sound and exact annotations, in Urbansas layout (docs/streets.md)."""
