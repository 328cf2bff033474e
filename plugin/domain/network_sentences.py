"""What reasons of the network, of peers and of destinations say; a part of ``sentences``."""

from plugin.domain.reasons import Reason

NETWORK_SENTENCES: dict[Reason, str] = {
    Reason.UNKNOWN_CALLING_AE_TITLE: (
        "The sender's AE title is not a known peer; add it with: cmr-triage peer add."
    ),
    Reason.CALLING_ADDRESS_MISMATCH: (
        "The AE title is known, but the connection came from another address than configured."
    ),
    Reason.PEER_DISABLED: "The peer is switched off; enable it with: cmr-triage peer edit.",
    Reason.WRONG_CALLED_AE_TITLE: (
        "The sender called another AE title than ours; correct the called AE title at the sender."
    ),
    Reason.TOO_MANY_ASSOCIATIONS: "The node's limit of simultaneous associations was reached.",
    Reason.TLS_REQUIRED: (
        "The peer came without TLS and must come with it: have it call port tls.port by TLS, or "
        "allow the other with: cmr-triage peer edit --tls allowed."
    ),
    Reason.CERTIFICATE_NOT_OF_PEER: (
        "The certificate that was shown is not the one bound to this AE title. If it was renewed: "
        "cmr-triage peer edit --certificate-name or --certificate-fingerprint; else ask who calls."
    ),
    Reason.CALLER_WITHOUT_CERTIFICATE: (
        "The caller showed no certificate; it needs one of its own, signed by an authority in "
        "tls.ca_file."
    ),
    Reason.CALLER_CERTIFICATE_EXPIRED: (
        "The caller's certificate has expired, or is not valid yet; have it renewed there, and "
        "check the clocks."
    ),
    Reason.CALLER_CERTIFICATE_NOT_TRUSTED: (
        "The caller's certificate is not trusted: its authority is not in tls.ca_file, or it is "
        "not made for clients."
    ),
    Reason.CALLER_DISTRUSTS_US: (
        "The caller does not trust our certificate (tls.certificate): have its authority trusted "
        "there, and the name that it calls us by be in it."
    ),
    Reason.CALLER_WITHOUT_TLS: (
        "The caller spoke no TLS on the port for TLS; have it use TLS, or port node.port."
    ),
    Reason.CALLER_TLS_NOT_AGREED: (
        "The caller and we have no version or cipher of TLS in common; it must offer TLS 1.2 or "
        "1.3."
    ),
    Reason.TLS_ON_PLAIN_PORT: (
        "The caller spoke TLS on the port without it; have it use port tls.port."
    ),
    Reason.ASSOCIATION_ABORTED: (
        "The association ended before it was released. What was acknowledged is kept; the sender "
        "sends the rest again."
    ),
    Reason.DESTINATION_UNREACHABLE: (
        "The other system does not answer at its host and port; what waits for it is tried again."
    ),
    Reason.DESTINATION_REJECTED_ASSOCIATION: (
        "The destination rejected the association; check the AE titles on both sides."
    ),
    Reason.DESTINATION_NO_CONTEXT: (
        "The destination does not accept this kind of object; have it accepted there, then: "
        "cmr-triage destination retry. Or send it no more: destination edit --objects."
    ),
    Reason.DESTINATION_REFUSED_INSTANCE: (
        "The destination refused the object; its log says why. When that is mended: cmr-triage "
        "destination retry."
    ),
    Reason.DESTINATION_OUT_OF_RESOURCES: (
        "The destination is out of resources; it will be tried again."
    ),
    Reason.RESULT_MISSING: (
        "The stored result file is gone from the spool; have the study analysed again with: "
        "cmr-triage study requeue."
    ),
    Reason.RESULT_WITHDRAWN: "A person withdrew this result: it must not be used.",
    Reason.RESULT_SUPERSEDED: (
        "A newer result took the place of this one before it was sent; the destination wants no "
        "superseded objects."
    ),
    Reason.NOTHING_TO_WITHDRAW: (
        "The study has no result that stands, so there is nothing to withdraw."
    ),
    Reason.DESTINATION_REMOVED: (
        "The destination was removed before the object was sent; add it again under the same name "
        "to send it."
    ),
    Reason.DESTINATION_LOST_INSTANCE: (
        "The destination took the object and later said that it does not have it. It is sent again "
        "a few times, then given up: look at its storage, then: cmr-triage destination retry."
    ),
    Reason.DESTINATION_REFUSED_CREDENTIALS: (
        "The DICOMweb server refused the user name, password or token; put the right one into the "
        "credentials file of the destination. What waits is tried again."
    ),
    Reason.DESTINATION_CERTIFICATE: (
        "The certificate of the destination is not trusted; name the certificate of its authority "
        "with: cmr-triage destination edit --ca-file."
    ),
    Reason.DESTINATION_CERTIFICATE_EXPIRED: (
        "The certificate of the destination has expired, or is not valid yet; have it renewed "
        "there, and check the clocks. What waits is tried again."
    ),
    Reason.DESTINATION_CERTIFICATE_NAME: (
        "The certificate of the destination does not carry the name that it is called by: name its "
        "host as in the certificate, or that name with: cmr-triage destination edit --tls-name."
    ),
    Reason.DESTINATION_WANTS_CERTIFICATE: (
        "The destination wants a certificate of ours and took none: set tls.certificate, see that "
        "it is still valid, and have its authority trusted there."
    ),
    Reason.DESTINATION_WITHOUT_TLS: (
        "The destination speaks no TLS on this port: take the port on which it does, or call it "
        "without: cmr-triage destination edit --no-tls, or an http address."
    ),
    Reason.DESTINATION_TLS_NOT_AGREED: (
        "The destination and we have no version or cipher of TLS in common, or it broke off while "
        "they were agreed: it must offer TLS 1.2 or 1.3; its log says more."
    ),
    Reason.CREDENTIALS_UNREADABLE: (
        "The credentials file or a certificate file for the destination cannot be read or used; "
        "the file must be readable for the user that runs cmr-triage."
    ),
    Reason.REPLACED_BY_OTHER_KIND: (
        "The destination does not take this kind of object; another kind went there instead, as "
        "cmr-triage destination show says. When it takes it: cmr-triage destination retry."
    ),
    Reason.COMMITMENT_NOT_OFFERED: (
        "The destination does not offer Storage Commitment. Have it switched on there, or: "
        "cmr-triage destination edit --confirm query (or none)."
    ),
    Reason.COMMITMENT_FAILED: (
        "The destination says that it could not commit to keep the object (the status is its "
        "reason); it is asked again."
    ),
    Reason.COMMITMENT_UNANSWERED: (
        "The destination took the request for Storage Commitment and never reported. Its settings "
        "must know the AE title, address and port of this node. It is asked again."
    ),
    Reason.QUERY_NOT_OFFERED: (
        "The destination answers no query for single objects (C-FIND or QIDO-RS). Have it switched "
        "on there, or: cmr-triage destination edit --confirm none."
    ),
    Reason.QUERY_FAILED: (
        "The destination answered the question for its objects with an error; it is asked again."
    ),
}
