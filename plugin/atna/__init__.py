"""The audit trail as DICOM audit messages (PS3.15 A.5, IHE ATNA), reported by syslog.

Off unless the settings name a repository. The registry's audit trail is the spool: what the
repository has not got yet is reported later, and nobody waits for it.
"""

from plugin.atna.reporter import AuditReporter

__all__ = ["AuditReporter"]
