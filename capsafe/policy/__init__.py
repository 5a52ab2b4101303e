"""Grant to policy: pure data and the fold that joins it. Nothing here asks the system anything."""

from capsafe.policy.compile import compile_policy as compile_policy
from capsafe.policy.model import OUTCOME_FD as OUTCOME_FD
from capsafe.policy.model import PathRule as PathRule
from capsafe.policy.model import Place as Place
from capsafe.policy.model import Policy as Policy
from capsafe.policy.model import PortRight as PortRight
from capsafe.policy.model import PortRule as PortRule
from capsafe.policy.model import Right as Right
from capsafe.policy.model import Rule as Rule
from capsafe.policy.observation import Observation as Observation
