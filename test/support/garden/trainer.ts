/** The training process in a program that knows one family more. */
import { plantGarden } from "./family.ts";

plantGarden();
void import("../../../src/trainer/main.ts");
