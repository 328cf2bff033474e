// Reads reports and Segmentations with the libraries by which OHIF reads them, and tells as JSON
// what it found. Knows nothing of how the files were made.
//
//   node read_results.mjs IMAGES REPORT... SEGMENTATION
//
// IMAGES is a folder of single-frame images, one per file.

import path from 'node:path';
import { adaptersSEG, adaptersSR } from '@cornerstonejs/adapters';
import { metaData } from '@cornerstonejs/core';
import { Headers, bytesOf, first, list, parse } from './headers.mjs';
import { shownByOhif } from './ohif_report.mjs';

const { MeasurementReport, PlanarFreehandROI } = adaptersSR.Cornerstone3D;
const FRAME = ':1'; // the reader of reports asks for "<SOP Instance UID>:<frame>"

const isNamed = (item, code) => first(item.ConceptNameCodeSequence)?.CodeValue === code;
const hasRegion = group =>
  list(group.ContentSequence).some(item => item.ValueType.startsWith('SCOORD'));

function groupItems(report) {
  const measurements = list(report.ContentSequence).find(item => isNamed(item, '126010'));
  return list(measurements.ContentSequence).filter(item => isNamed(item, '125007'));
}

/** Groups with their numbers, as dcmjs parses them. */
function groupsOf(report) {
  return groupItems(report).map(group => ({
    subject: list(group.ContentSequence).find(item => isNamed(item, '112039')).TextValue,
    numbers: list(group.ContentSequence)
      .filter(item => item.ValueType === 'NUM')
      .map(item => ({
        code: first(item.ConceptNameCodeSequence).CodeValue,
        value: Number(first(item.MeasuredValueSequence).NumericValue),
        unit: first(first(item.MeasuredValueSequence).MeasurementUnitsCodeSequence).CodeValue,
      })),
  }));
}

const TRACKING_UID = '112040';

/** Contours as the adapters read them; `tool` says whether they became an annotation of a viewer. */
function contoursOf(report, headers) {
  const imageIds = {};
  for (const uid of headers.byUid.keys()) {
    imageIds[uid + FRAME] = uid;
  }
  const withRegion = groupItems(report).filter(hasRegion);
  // A viewer that shows reports of others chooses the tool; their tracking identifiers do not.
  const hooks = { getToolClass: () => PlanarFreehandROI };
  const state = MeasurementReport.generateToolState(report, imageIds, headers, hooks);
  const drawn = new Set(list(state.PlanarFreehandROI).map(one => one.TrackingUniqueIdentifier));
  return withRegion.map(group => {
    const { state: found, worldCoords } = MeasurementReport.getSetupMeasurementData(
      group,
      imageIds,
      headers,
      PlanarFreehandROI.toolType
    );
    const uid = list(group.ContentSequence).find(item => isNamed(item, TRACKING_UID)).UID;
    return {
      trackingUid: uid,
      tool: drawn.has(uid),
      finding: found.finding?.CodeValue,
      site: first(found.findingSites)?.CodeValue,
      image: found.annotation.metadata.referencedImageId,
      frameOfReference: found.annotation.metadata.FrameOfReferenceUID,
      points: worldCoords.map(point => Array.from(point)),
    };
  });
}

/** Pixels of each segment on each image. */
async function segmentsOf(file, headers) {
  const found = await adaptersSEG.Cornerstone3D.Segmentation.createFromDICOMSegBuffer(
    [...headers.byUid.keys()],
    bytesOf(file),
    { metadataProvider: headers }
  );
  const pixels = {};
  for (const layer of found.labelMapImages) {
    for (const image of layer) {
      const uid = image.referencedImageId;
      for (const value of image.voxelManager.getScalarData()) {
        if (value) {
          pixels[value] ??= {};
          pixels[value][uid] = (pixels[value][uid] ?? 0) + 1;
        }
      }
    }
  }
  const labels = found.segMetadata.data.filter(Boolean).map(one => one.SegmentLabel);
  return { labels, pixels };
}

console.log = console.error; // what libraries say must not get into the answer
const [imageFolder, ...files] = process.argv.slice(2);
const headers = new Headers(imageFolder);
metaData.addProvider(headers.get, 1);
const answer = {};
for (const file of files) {
  const dataset = parse(file);
  const name = path.basename(file, '.dcm');
  if (dataset.Modality === 'SEG') {
    answer[name] = await segmentsOf(file, headers);
  } else {
    answer[name] = {
      groups: groupsOf(dataset),
      contours: contoursOf(dataset, headers),
      ohif: await shownByOhif(dataset, headers),
    };
  }
}
process.stdout.write(JSON.stringify(answer), () => process.exit(0)); // it has timers of its own
