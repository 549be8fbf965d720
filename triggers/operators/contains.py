"""`contains`: text within text, or an element of a list; the case of letters does not matter."""

from triggers.comparing import element_problem, holds
from triggers.operators import Operator, register

register(Operator("contains", "contains", holds, check=element_problem))
