"""What the product can show for itself: accuracy by labels, versions, delays, and the rest.

``collect`` is the short form, as plain JSON; ``report`` is all that the engineer's page shows.
"""

from backend_ml.evidence.reporting import ProjectReport, Report, report
from backend_ml.evidence.summary import collect
from backend_ml.evidence.work import is_settled, pending, stuck

__all__ = ["ProjectReport", "Report", "collect", "is_settled", "pending", "report", "stuck"]
