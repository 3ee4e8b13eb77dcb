import { type DeviceWish, deviceWishSchema } from "../protocol/engines/onnx.ts";
import { InputError } from "../util/errors.ts";

/** A line of a command's help. */
export const DEVICE_CHOICES = deviceWishSchema.options.join(", ");

/** @throws InputError when it is no device */
export function deviceOption(text: string): DeviceWish {
  const parsed = deviceWishSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new InputError(`--device must be one of ${DEVICE_CHOICES}, found "${text}"`);
}
