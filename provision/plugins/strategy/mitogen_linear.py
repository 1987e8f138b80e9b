"""Lets Ansible find Mitogen's strategy if Mitogen is installed; ANSIBLE_STRATEGY=mitogen_linear selects it."""

from ansible_mitogen.plugins.strategy.mitogen_linear import StrategyModule

__all__ = ["StrategyModule"]
