"""What each reason says to a person in the hospital: what happened, and what to do."""

from plugin.domain.network_sentences import NETWORK_SENTENCES
from plugin.domain.reasons import Reason

SENTENCES: dict[Reason, str] = {
    Reason.NOT_MR: "The study holds no MR image, so there is nothing to analyse for cardiac MRI.",
    Reason.NOT_CARDIAC: (
        "The MR images are not of the heart (by body part, gating and sequence). If they are, "
        "correct Body Part Examined or send the gated cine series."
    ),
    Reason.NO_SHORT_AXIS_CINE: (
        "No short-axis cine stack was found; volumes need one. Send the short-axis cine series."
    ),
    Reason.TOO_FEW_SLICES: (
        "The short-axis cine covers too few slices to measure volumes; send the whole stack."
    ),
    Reason.TOO_FEW_PHASES: (
        "The cine has too few cardiac phases to find end-systole; send all phases."
    ),
    Reason.MISSING_GEOMETRY: (
        "The images carry no position or orientation (Image Position/Orientation Patient), so "
        "nothing can be measured in millimetres. Send the original images from the scanner."
    ),
    Reason.INVALID_PIXEL_SPACING: (
        "Pixel Spacing is missing, zero or not a number; areas cannot be measured. Send the "
        "original images from the scanner."
    ),
    Reason.MISSING_SLICE: (
        "A slice in the middle of the short-axis stack is missing; send it to have the study "
        "analysed again."
    ),
    Reason.INCONSISTENT_STACK: (
        "The short-axis images do not form one stack (image size, orientation or spacing differ). "
        "Send one complete, evenly spaced stack."
    ),
    Reason.MIXED_PATIENTS: (
        "Images of more than one patient share this Study Instance UID. Correct it in the PACS and "
        "send the study again."
    ),
    Reason.UNREADABLE_PIXELS: (
        "The pixel data of the short-axis images cannot be decoded (damaged or unsupported "
        "compression). Send them again, uncompressed if need be."
    ),
    Reason.MISSING_TIMING: (
        "The phases of the cine cannot be put in order: Trigger Time is missing and instance "
        "numbers do not tell. Send the original images from the scanner."
    ),
    Reason.NO_READABLE_INSTANCE: (
        "No readable DICOM image was found. Check what was sent, and that the files are whole."
    ),
    Reason.PICTURES_UNUSABLE: (
        "The images of the short-axis cine are blank, noise or not in order, so nothing was "
        "measured. Look at them; if they are the heart, send the scanner's originals."
    ),
    Reason.HEART_STANDS_STILL: (
        "Nothing moves between the phases of the short-axis cine, so nothing was measured. Send "
        "the cine with all its phases."
    ),
    Reason.NOT_DICOM: "The file is not DICOM.",
    Reason.TRUNCATED_FILE: "The file ends before its dataset does; send the image again.",
    Reason.DAMAGED_DATASET: "The dataset is damaged and cannot be read; send the image again.",
    Reason.OWN_RESULT: (
        "A result of this system came back from the archive; it is kept and never analysed."
    ),
    Reason.MISSING_IDENTIFIERS: "Study, Series or SOP Instance UID is missing in the dataset.",
    Reason.INVALID_IDENTIFIER: "A UID in the dataset is not a valid DICOM UID.",
    Reason.ORDER_NOT_UNDERSTOOD: (
        "This is no order that can be read. Send an HL7 v2 message that begins with MSH, or a UPS "
        "work item as DICOM JSON or as a DICOM file."
    ),
    Reason.ORDER_TOO_LARGE: (
        "The message is too large for an order; send it without attachments, or fewer at once."
    ),
    Reason.ORDER_OF_OTHER_KIND: (
        "The message is no order, so there is nothing to take from it. Orders are ORM^O01, "
        "OMG^O19 and OMI^O23 messages and UPS work items."
    ),
    Reason.ORDER_NAMES_NO_STUDY: (
        "The order names neither a study (accession number, Study Instance UID, requested "
        "procedure) nor an order that is known, so it is of no use here. Send it once the "
        "department has given it an accession number."
    ),
    Reason.HEART_NOT_FOUND: (
        "The network found no heart in the short-axis images. Look at them, and measure by hand."
    ),
    Reason.NOT_A_SHORT_AXIS: (
        "The headers say short-axis cine, but what was contoured is not a left ventricle cut "
        "across its long axis. Look at the images, and measure by hand."
    ),
    Reason.PICTURES_UNFAMILIAR: (
        "The heart looks too different from those that the network was trained on, so no number is "
        "reported. Measure by hand."
    ),
    Reason.CONTOURS_DISAGREE: (
        "The contours of neighbouring slices or phases contradict each other, or slices beat at "
        "different moments, so no number is reported. Check the triggering; measure by hand."
    ),
    Reason.IMPLAUSIBLE_MEASUREMENT: (
        "The contours give values that no heart has, so no number is reported. Measure by hand."
    ),
    Reason.BUNDLE_MISSING: "The model bundle was not found; check worker.bundle.",
    Reason.BUNDLE_TAMPERED: (
        "A file of the model bundle differs from its manifest; reinstall the bundle."
    ),
    Reason.BUNDLE_INVALID: "The model bundle is not one this version can use.",
    Reason.BUNDLE_TOO_LARGE: (
        "There is too little free memory for the model bundle on this device; give it more, stop "
        "what else runs there, or take a smaller bundle."
    ),
    Reason.BUNDLE_IN_USE: (
        "This bundle is in force, the one to roll back to, or that of the settings. To remove it, "
        "activate others first, or name another one in worker.bundle."
    ),
    Reason.ARCHIVE_UNUSABLE: (
        "The uploaded file cannot be unpacked. It must be a zip archive of plain files, whole and "
        "without a password."
    ),
    Reason.INFERENCE_FAILED: (
        "The inference runtime stopped with an error, often for want of memory; try again on a "
        "machine with more, and report it if it stays."
    ),
    Reason.CONTEXT_FULL: (
        "The text is longer than the language model can read; shorten the clinical text or the "
        "question."
    ),
    Reason.NO_RECOGNITION: (
        "This model bundle has no language model that recognises categories. Name the folder of "
        "one that has, or train one with cmr-triage train language."
    ),
    Reason.WORDING_FAILED: (
        "The language model gave no usable text; the sentences made from the measurements stand."
    ),
    Reason.RUNTIME_MISSING: (
        "onnxruntime is not installed: pip install 'cmr-triage[cpu]' (or [gpu], not both)."
    ),
    Reason.DEVICE_UNAVAILABLE: (
        "CUDA was asked for (worker.device) but is not available; install the driver and "
        'cmr-triage[gpu], or set worker.device = "cpu".'
    ),
    **NETWORK_SENTENCES,
    Reason.DISK_FULL: (
        "Free disk space is below spool.minimum_free_bytes; nothing is accepted until that changes."
    ),
    Reason.QUEUE_UNAVAILABLE: (
        "Redis does not answer; jobs wait in the registry and start when it is back."
    ),
    Reason.STORAGE_UNREADABLE: (
        "The disk, the share or the memory does not give a stored file back. It is tried again; "
        "look at the storage of the spool."
    ),
    Reason.REGISTRY_UNAVAILABLE: "The registry database does not answer.",
    Reason.LEASE_EXPIRED: "The worker lost its lease on the job; another one takes it.",
    Reason.WORKER_LOST: "The worker died in the middle of the analysis; the job is tried again.",
    Reason.TOO_MANY_ATTEMPTS: (
        "Gave up after repeated failures; requeue it with: cmr-triage study requeue."
    ),
    Reason.TOO_MANY_GENERATIONS: (
        "The images of this study kept changing; a person must decide: cmr-triage study requeue."
    ),
    Reason.SAME_IMAGES: (
        "Later images did not change what the analysis used; the earlier result stands."
    ),
    Reason.IMAGES_DELETED: (
        "The images were deleted by age or quota (spool.retention_days, "
        "spool.rejected_retention_days, spool.quota_bytes); send the study again."
    ),
    Reason.INTERNAL_ERROR: (
        "A fault in cmr-triage stopped this step; the log names it. Please report it."
    ),
    Reason.SETTING_INVALID: "A setting is unknown or has a value that cannot be used.",
    Reason.SETTINGS_FILE_MISSING: "The settings file does not exist or cannot be read.",
    Reason.POLICY_INVALID: (
        "The triage policy cannot be used, so nothing was changed; mend what is named and try "
        "again: cmr-triage triage check FILE."
    ),
    Reason.REFERENCE_INVALID: (
        "The table of reference values cannot be read; mend what is named. Its columns are in "
        "docs/triage.md."
    ),
    Reason.POLICY_CHANGED: (
        "Somebody else activated another triage policy meanwhile, so nothing was changed; look at "
        "it and decide again."
    ),
    Reason.PORT_IN_USE: (
        "The port is in use by another program; choose another one in the settings."
    ),
    Reason.ADDRESS_NOT_USABLE: (
        "The system does not let us listen there: the address must be one of this machine, and a "
        "port below 1024 needs the right to it (CAP_NET_BIND_SERVICE)."
    ),
    Reason.REDIS_MISSING: (
        "No Redis server was found: install valkey-server or redis-server, or set queue.url."
    ),
    Reason.PAGE_NOT_PROTECTED: (
        "Other machines reach the pages only through TLS: set web.public_url to their https "
        "address (of a reverse proxy, or with web.certificate), or web.host to 127.0.0.1."
    ),
    Reason.CERTIFICATE_UNUSABLE: (
        "The certificate, its private key or the trusted certificates cannot be used; they are PEM "
        "files that the user who runs cmr-triage can read, the key without a passphrase."
    ),
    Reason.CERTIFICATE_EXPIRED: (
        "The certificate has expired, or is not valid yet; put a new one in its place."
    ),
    Reason.PRIVATE_KEY_EXPOSED: (
        "Other users of this machine can read or change the private key: chmod 600, and make a new "
        "key and certificate if anybody may have read it."
    ),
    Reason.AE_TITLE_INVALID: (
        "An AE title has 1 to 16 characters: printable ASCII, no backslash, not only spaces."
    ),
    Reason.OUTPUT_NOT_WRITABLE: "The output folder cannot be written.",
    Reason.PROCESS_FAILED: "A process could not start; its own message says why.",
    Reason.ALREADY_RUNNING: "Another cmr-triage runs on this spool folder; stop it first.",
    Reason.EXTRA_MISSING: (
        "This command needs libraries that are not installed: pip install 'cmr-triage[train]'."
    ),
    Reason.TRAINING_DATA_MISSING: (
        "The recipe learns from data whose folder was not named; name it, or take a recipe without "
        "that data."
    ),
    Reason.TOO_FEW_STUDIES: (
        "The folder holds too few studies with a usable short-axis cine to learn from. Check that "
        "it is the right folder, or bring more studies."
    ),
    Reason.NOTHING_CONFIDENT: (
        "The network is sure of its contours in too few of these studies to learn from them "
        "itself. Contour some by hand and use train finetune, or check the images."
    ),
    Reason.MASKS_UNUSABLE: (
        "The masks of too few studies fit their images. They must be NIfTI files named "
        "mask_phase01.nii.gz (the phase counted from 1) in the folder of their study, in its "
        "patient coordinates, with the labels 1, 2 and 3."
    ),
    Reason.REPORTS_UNUSABLE: (
        "The reports of too few studies say plainly what is there. They must be text files named "
        "report.txt in the folder of their study or the one above, and name the categories as the "
        "file of categories says they are reported."
    ),
    Reason.BUNDLE_NOT_TRAINABLE: (
        "The network of this bundle cannot be trained further by this version; start from a bundle "
        "that this version trained."
    ),
    Reason.TRAINING_MADE_WORSE: (
        "After this training the network did worse where the truth is known, so no bundle was "
        "written. Train for a shorter time, or with more studies."
    ),
    Reason.NOT_FOUND: "There is no such entry; the list command shows what exists.",
    Reason.PASSWORD_UNUSABLE: "This password cannot be used; choose another one.",
    Reason.LAST_ADMIN: (
        "Somebody must be able to administer; make another account an admin first."
    ),
    Reason.AUDIT_REPOSITORY_UNREACHABLE: (
        "The audit repository does not take messages (setting audit.repository); what is audited "
        "is kept here and reported when it does."
    ),
    Reason.AUDIT_REPOSITORY_CERTIFICATE: (
        "The certificate of the audit repository is not trusted; name that of its authority in "
        "audit.ca_file. What is audited is kept here and reported then."
    ),
    Reason.PROVIDER_UNREACHABLE: (
        "The hospital's login does not answer. Accounts of this system still work; try the "
        "hospital's login again later, and check openid.issuer and openid.ca_file if it stays."
    ),
    Reason.PROVIDER_ANSWER_UNUSABLE: (
        "What the hospital's login answered cannot be trusted, so nobody was let in. Check the "
        "settings openid.* here and those of this client there."
    ),
    Reason.PROVIDER_REFUSED: (
        "The hospital's login did not let you in; its own page says why. Try it again."
    ),
    Reason.LOGIN_EXPIRED: (
        "The log-in took too long, was used already or began in another browser; log in again."
    ),
    Reason.NO_ROLE: (
        "You are known to the hospital, but none of your groups has a role here. Ask an "
        "administrator of this system for one (setting openid.roles)."
    ),
    Reason.ACCOUNT_DISABLED: (
        "Your account is disabled here. Ask an administrator of this system to enable it."
    ),
    Reason.ACCOUNT_OF_PROVIDER: (
        "Password and role of this account come from the hospital's login; change them there. "
        "Here it can be disabled."
    ),
    Reason.CHANGED_MEANWHILE: (
        "Somebody else changed this meanwhile; look at what it is now, and change it again if need "
        "be."
    ),
    Reason.QUESTION_UNUSABLE: "The question is empty or too long; ask one short question.",
}
