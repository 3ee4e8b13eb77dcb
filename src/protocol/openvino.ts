/** What names a folder with OpenVINO's libraries to every process of Retune; the editor sets it from its setting. */
export const OPENVINO_FOLDER_VARIABLE = "RETUNE_OPENVINO";

/** In place of a folder: none is looked for, whatever is installed. */
export const OPENVINO_OFF = "off";
