"""The files that a job wrote, for the browser: pictures, the cine's parts, objects to download."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from plugin.domain.access import Permission
from plugin.domain.identifiers import study_key
from plugin.web.looks import note_look
from plugin.web.result import object_path, picture_path, viewer_path
from plugin.web.site import Site
from plugin.web.visitor import Door, Visitor

_TYPES = {".dcm": "application/dicom", ".pdf": "application/pdf"}
_VIEWER_TYPES = {".json": "application/json", ".png": "image/png"}


def file_routes(site: Site, door: Door) -> APIRouter:
    """Return the addresses of files; each is looked up by job and kind, never by a path."""
    routes = APIRouter(include_in_schema=False)
    viewer = Annotated[Visitor, Depends(door.need(Permission.VIEW))]

    @routes.get("/jobs/{job_id}/viewer/{name}")
    def viewer_file(job_id: uuid.UUID, name: str, visitor: viewer) -> Response:
        return send_viewer_file(site, str(job_id), name, visitor)

    @routes.get("/jobs/{job_id}/{kind}.png")
    def picture(job_id: uuid.UUID, kind: str, visitor: viewer) -> Response:
        return send_picture(site, str(job_id), kind, visitor)

    @routes.get("/jobs/{job_id}/files/{name}")
    def download(job_id: uuid.UUID, name: str, visitor: viewer) -> Response:
        return send_object(site, str(job_id), name, visitor)

    return routes


def send_viewer_file(site: Site, job_id: str, name: str, visitor: Visitor) -> Response:
    """Return a part of the cine, audited as a look at the study; 404 when there is none."""
    path = viewer_path(site.registry, job_id, name)
    if path is None:
        raise HTTPException(404)
    _note_look_at(site, job_id, visitor)
    return FileResponse(path, media_type=_VIEWER_TYPES[path.suffix])


def send_picture(site: Site, job_id: str, kind: str, visitor: Visitor) -> Response:
    """Return the picture of one object of a job, audited likewise; 404 when there is none."""
    path = picture_path(site.registry, job_id, kind)
    if path is None:
        raise HTTPException(404)
    _note_look_at(site, job_id, visitor)
    return FileResponse(path, media_type="image/png")


def send_object(site: Site, job_id: str, name: str, visitor: Visitor) -> Response:
    """Return one result object (``sr.dcm``) as a download, audited; 404 when there is none."""
    kind, dot, ending = name.rpartition(".")
    suffix = f"{dot}{ending}"
    path = object_path(site.registry, job_id, kind, suffix) if suffix in _TYPES else None
    if path is None:
        raise HTTPException(404)
    job = site.registry.jobs.get(job_id)
    if job is not None:
        subject = f"study {study_key(job.study_instance_uid)}"
        site.registry.audit.add(visitor.name, "study.export", subject, after={"file": name})
    return FileResponse(path, media_type=_TYPES[suffix], filename=name)


def _note_look_at(site: Site, job_id: str, visitor: Visitor) -> None:
    job = site.registry.jobs.get(job_id)
    if job is not None:
        note_look(site, visitor, study_key(job.study_instance_uid))
