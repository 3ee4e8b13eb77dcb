export async function drawCurve(..._args: unknown[]): Promise<string> {
  return "no picture yet";
}
