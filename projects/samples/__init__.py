"""Sample messages of a scheduling mailbox, made from a seed, with their true answers."""

from projects.samples.generator import DEFAULT_COUNT, DEFAULT_SEED, SampleMessage, generate

__all__ = ["DEFAULT_COUNT", "DEFAULT_SEED", "SampleMessage", "generate"]
