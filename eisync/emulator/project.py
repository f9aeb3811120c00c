"""A project as Studio shows it, in the list and alone, with all fields that the official clients expect. Pure.

Fields about things that the emulator does not have (impulses, compute time and others) are empty, because the generated
client of the official SDK (edgeimpulse-api 1.96.3) requires them. Source: the wire contract, section 3.
"""

from collections.abc import Sequence

from eisync.emulator.model import Project
from eisync.emulator.showing import iso

_CATEGORIES = {
    "training": "training",
    "testing": "testing",
    "validation": "validation",
    "postProcessing": "post-processing",
}
_NOTHING: dict[str, object] = {
    "impulse": {"created": False, "configured": False, "complete": False},
    "devices": [],
    "acquisitionSettings": {
        "intervalMs": 16,
        "lengthMs": 10_000,
        "segmentShift": True,
        "defaultPageSize": 12,
        "viewType": "list",
        "gridColumnCount": 1,
        "gridColumnCountDetailed": 1,
        "showExactSampleLength": False,
        "inlineEditBoundingBoxes": False,
    },
    "collaborators": [],
    "deploySettings": {
        "eonCompiler": True,
        "sensor": "unknown",
        "arduinoLibraryName": "",
        "tinkergenLibraryName": "",
        "particleLibraryName": "",
    },
    "experiments": [],
    "latencyDevices": [],
    "urls": {},
    "showCreateFirstImpulse": True,
    "showGettingStartedWizard": {"showWizard": False, "step": 0},
    "performance": {
        "gpu": False,
        "jobLimitM": 0,
        "dspFileSizeMb": 0,
        "enterprisePerformance": False,
        "trainJobRamMb": 0,
    },
    "trainJobNotificationUids": [],
    "dspJobNotificationUids": [],
    "modelTestingJobNotificationUids": [],
    "exportJobNotificationUids": [],
    "hasNewTrainingData": False,
    "inPretrainedModelFlow": False,
    "showSensorDataInAcquisitionGraph": False,
    "notifications": [],
}


def show_project(project: Project) -> dict[str, object]:
    return {
        "id": project.id,
        "name": project.name,
        "description": "",
        "created": iso(project.created_ms),
        "owner": project.owner,
        "ownerIsDeveloperProfile": False,
        "collaborators": [],
        "labelingMethod": "single_label",
        "metadata": {},
        "isEnterpriseProject": False,
        "whitelabelId": None,
        "tags": [],
        "tier": "free",
        "hasPublicVersion": False,
        "isPublic": False,
        "allowsLivePublicAccess": False,
        "indPauseProcessingSamples": False,
        "publicProjectListed": False,
    }


def show_project_info(
    project: Project, counts: Sequence[tuple[str, str, int]], *, hmac_key: str, now_ms: int
) -> dict[str, object]:
    """Return one project. `counts` are (label, category, samples). An empty `hmac_key` is not shown."""
    return {
        "project": show_project(project),
        "developmentKeys": {"hmacKey": hmac_key} if hmac_key else {},
        "dataSummary": _summary(counts),
        "dataSummaryPerCategory": {
            name: _summary([one for one in counts if one[1] == category]) for name, category in _CATEGORIES.items()
        },
        "computeTime": {
            "periodStartDate": iso(project.created_ms),
            "periodEndDate": iso(now_ms),
            "timeUsedMs": 0,
            "timeLeftMs": 0,
        },
        "studioUrl": f"/studio/{project.id}",
        **_NOTHING,
    }


def _summary(counts: Sequence[tuple[str, str, int]]) -> dict[str, object]:
    """Return the summary of a category. The total length is always 0: no client is known to read it."""
    labels = sorted({label for label, _, _ in counts if label})
    return {
        "totalLengthMs": 0,
        "labels": labels,
        "totalLabels": len(labels),
        "dataCount": sum(number for _, _, number in counts),
    }
