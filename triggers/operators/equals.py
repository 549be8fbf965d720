"""`equals`: the same value, by the rules of `triggers.comparing`."""

from triggers.comparing import same
from triggers.operators import Looks, Operator, register

register(Operator("equals", "is", same, looks=Looks.EQUALITY, short="eq"))
