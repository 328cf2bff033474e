// DICOM files as objects, and what viewers ask of images, answered from their headers.

import fs from 'node:fs';
import path from 'node:path';
import dcmjs from 'dcmjs';

const { DicomMessage, DicomMetaDictionary } = dcmjs.data;

export function bytesOf(file) {
  const read = fs.readFileSync(file);
  return read.buffer.slice(read.byteOffset, read.byteOffset + read.byteLength);
}

export function parse(file) {
  const found = DicomMessage.readFile(bytesOf(file));
  const dataset = DicomMetaDictionary.naturalizeDataset(found.dict);
  dataset._meta = DicomMetaDictionary.namifyDataset(found.meta);
  return dataset;
}

export const list = value => (value === undefined ? [] : Array.isArray(value) ? value : [value]);
export const first = value => list(value)[0];

/** Answers what viewers ask of an image, from its header. */
export class Headers {
  constructor(folder) {
    this.byUid = new Map();
    for (const name of fs.readdirSync(folder).sort()) {
      const dataset = parse(path.join(folder, name));
      delete dataset.PixelData;
      this.byUid.set(dataset.SOPInstanceUID, dataset);
    }
    this.get = this.get.bind(this);
  }

  get(kind, imageId) {
    const image = this.byUid.get(imageId);
    if (image === undefined) {
      return undefined;
    }
    const orientation = image.ImageOrientationPatient.map(Number);
    const [rowPixelSpacing, columnPixelSpacing] = image.PixelSpacing.map(Number);
    const answers = {
      instance: image,
      generalImageModule: { sopInstanceUID: image.SOPInstanceUID },
      sopCommonModule: { sopInstanceUID: image.SOPInstanceUID, sopClassUID: image.SOPClassUID },
      generalSeriesModule: {
        modality: image.Modality,
        seriesInstanceUID: image.SeriesInstanceUID,
        studyInstanceUID: image.StudyInstanceUID,
      },
      imagePlaneModule: {
        frameOfReferenceUID: image.FrameOfReferenceUID,
        rows: image.Rows,
        columns: image.Columns,
        imageOrientationPatient: orientation,
        imagePositionPatient: image.ImagePositionPatient.map(Number),
        rowCosines: orientation.slice(0, 3),
        columnCosines: orientation.slice(3),
        rowPixelSpacing,
        columnPixelSpacing,
        pixelSpacing: [rowPixelSpacing, columnPixelSpacing],
        sliceThickness: Number(image.SliceThickness),
      },
    };
    return answers[kind];
  }
}
