"""Let Ansible find Mitogen's strategy wherever Mitogen is installed; ANSIBLE_STRATEGY=mitogen_linear chooses it."""

from ansible_mitogen.plugins.strategy.mitogen_linear import StrategyModule

__all__ = ["StrategyModule"]
