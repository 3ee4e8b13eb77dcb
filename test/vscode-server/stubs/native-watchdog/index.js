// Plain-JS stand-in for the native @vscode/native-watchdog: ends this process when its parent is gone.
"use strict";

const CHECK_INTERVAL_MS = 1000;
let started = false;

exports.start = (parentPid) => {
  if (started) return;
  started = true;
  const check = () => {
    try {
      process.kill(parentPid, 0);
    } catch (error) {
      if (error.code === "ESRCH") process.exit(87);
    }
  };
  setInterval(check, CHECK_INTERVAL_MS).unref();
};

exports.exit = (code) => process.exit(code || 0);
