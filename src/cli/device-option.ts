import {
  type DeviceWish,
  type PrecisionWish,
  deviceWishSchema,
  precisionWishSchema,
} from "../protocol/engines/onnx.ts";
import { InputError } from "../util/errors.ts";

/** A line of a command's help. */
export const DEVICE_CHOICES = deviceWishSchema.options.join(", ");

/** @throws InputError when it is no device */
export function deviceOption(text: string): DeviceWish {
  const parsed = deviceWishSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InputError(`--device must be one of ${DEVICE_CHOICES}, found "${text}"`);
}

export const PRECISION_CHOICES = precisionWishSchema.options.join(", ");

/** @throws InputError when it is no precision */
export function precisionOption(text: string): PrecisionWish {
  const parsed = precisionWishSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InputError(`--precision must be one of ${PRECISION_CHOICES}, found "${text}"`);
}
