// What OHIF's own extension for structured reports makes of one: its published build runs here, with
// stand-ins for the viewer around it (services, pages) and the real Cornerstone libraries below it.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import * as adapters from '@cornerstonejs/adapters';
import * as core from '@cornerstonejs/core';
import * as tools from '@cornerstonejs/tools';
import * as glMatrix from 'gl-matrix';

const SR_CLASSES = {
  BasicTextSR: '1.2.840.10008.5.1.4.1.1.88.11',
  EnhancedSR: '1.2.840.10008.5.1.4.1.1.88.22',
  ComprehensiveSR: '1.2.840.10008.5.1.4.1.1.88.33',
  Comprehensive3DSR: '1.2.840.10008.5.1.4.1.1.88.34',
};
const nothing = () => {};

/** Stands for pages and services that reading a report does not touch. */
function standIn(known = {}) {
  return new Proxy(function () {}, {
    get(target, key) {
      if (key in known) {
        return known[key];
      }
      if (key === '__esModule') {
        return true;
      }
      return typeof key === 'symbol' ? undefined : (target[key] ??= standIn());
    },
    apply: () => standIn(),
    construct: () => ({}),
  });
}

const annotations = [];
let lastId = 0;
const utils = standIn({
  sopClassDictionary: SR_CLASSES,
  guid: () => `id-${++lastId}`,
  sortStudyInstances: nothing,
  sortDisplaySetsCopy: sets => [...sets],
});
const MetadataProvider = {
  getUIDsFromImageID: imageId => ({ SOPInstanceUID: imageId, frameNumber: 1 }),
};
const MODULES = {
  '@ohif/core': standIn({
    utils,
    classes: standIn({ ImageSet: class {}, MetadataProvider }),
    ExtensionManager: class {},
  }),
  '@cornerstonejs/adapters': adapters,
  '@cornerstonejs/core': core,
  '@cornerstonejs/tools': {
    ...tools,
    annotation: { state: { addAnnotation: one => annotations.push(one) } },
  },
  'gl-matrix': glMatrix,
};

function extension() {
  const { resolve } = createRequire(import.meta.url);
  const build = resolve('@ohif/extension-cornerstone-dicom-sr');
  const module = { exports: {} };
  const require = name => MODULES[name] ?? standIn();
  new Function('module', 'exports', 'require', fs.readFileSync(build, 'utf8'))(
    module,
    module.exports,
    require
  );
  return module.exports.default;
}

function displaySets(headers) {
  const bySeries = new Map();
  for (const image of headers.byUid.values()) {
    const uid = image.SeriesInstanceUID;
    bySeries.set(uid, [...(bySeries.get(uid) ?? []), image]);
  }
  return [...bySeries].map(([uid, images]) => ({
    displaySetInstanceUID: `set-${uid}`,
    SeriesInstanceUID: uid,
    StudyInstanceUID: images[0].StudyInstanceUID,
    FrameOfReferenceUID: images[0].FrameOfReferenceUID,
    images,
  }));
}

/** Load a report as the viewer does; tell what it lists and draws, and how it ended. */
export async function shownByOhif(report, headers) {
  const services = standIn({
    displaySetService: standIn({ activeDisplaySets: displaySets(headers), subscribe: nothing }),
    measurementService: standIn({ getSourceMappings: () => [{ annotationType: 'none' }] }),
    customizationService: standIn({ getCustomization: nothing }),
  });
  const dataSource = standIn({
    getImageIdsForDisplaySet: set => set.images.map(image => image.SOPInstanceUID),
  });
  const extensionManager = standIn({
    getDataSources: () => [dataSource],
    getActiveDataSource: () => [dataSource],
  });
  const servicesManager = { services };
  const handler = extension()
    .getSopClassHandlerModule({ servicesManager, extensionManager, appConfig: {} })
    .find(one => one.sopClassUids.includes(report.SOPClassUID));
  annotations.length = 0;
  const [shown] = handler.getDisplaySetsFromSeries([report]);
  let failure = null;
  try {
    await shown.load();
  } catch (error) {
    failure = error.message;
  }
  return {
    isMeasurementReport: shown.isImagingMeasurementReport,
    groups: shown.measurements.length,
    drawn: annotations
      .filter(one => one.data.handles.points.length > 2)
      .map(one => one.data.TrackingUniqueIdentifier),
    failure,
  };
}
