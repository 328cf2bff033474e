"""The registry: the truth about studies, jobs, results, deliveries, peers and destinations."""

from plugin.registry.audit import AuditRecord
from plugin.registry.delivery_records import (
    DeliveryRecord,
    DestinationHealth,
    DestinationRecord,
    Substitution,
    UnconfirmedObject,
)
from plugin.registry.records import (
    AddOutcome,
    AssemblyFacts,
    AssociationRecord,
    IndexedInstance,
    InstanceRecord,
    JobRecord,
    PeerRecord,
    PublishedResult,
    PurgedStudy,
    QuarantineRecord,
    RejectedAssociation,
    RejectionNote,
    ResultObject,
    SeriesFacts,
    StudyRecord,
)
from plugin.registry.registry import Registry

__all__ = [
    "AddOutcome",
    "AssemblyFacts",
    "AssociationRecord",
    "AuditRecord",
    "DeliveryRecord",
    "DestinationHealth",
    "DestinationRecord",
    "IndexedInstance",
    "InstanceRecord",
    "JobRecord",
    "PeerRecord",
    "PublishedResult",
    "PurgedStudy",
    "QuarantineRecord",
    "Registry",
    "RejectedAssociation",
    "RejectionNote",
    "ResultObject",
    "SeriesFacts",
    "StudyRecord",
    "Substitution",
    "UnconfirmedObject",
]
