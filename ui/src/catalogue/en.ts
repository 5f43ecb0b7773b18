import type { EndReason, Finding, ProblemCode, Verdict } from "../bridge";
import setup from "./setup.en.json";

/** Reasons that need no further word, by their name. */
export type PlainEndReason = Extract<EndReason, string>;

/** A short headline and, where there is more to say, one sentence; and the word or two that a list has room for. */
export interface Ending {
  title: string;
  detail: string | null;
  brief: string | null;
}

/** What *Check my set-up* says, where `{about}` stands for a name. `signedcall-desktop --doctor` prints the same from the same file. */
export interface Setup {
  begins: string;
  verdicts: Record<Verdict, string>;
  findings: Record<Finding, { item: string; says: string; mend: string | null }>;
}

const problems: Record<ProblemCode, string> = {
  networkNotAvailable: "The service cannot be reached. Check its address and your connection.",
  serverFailure: "The service could not do this. Try again in a moment.",
  callContextInvalid: "Give a reason of 1 to 64 letters, digits and single spaces.",
  notInitialized: "Sign in first.",
  accountIdRequired: "Enter the account id.",
  apiKeyRequired: "The API key is missing or not this account’s.",
  cuidMissing: "Enter an id.",
  invalidLengthCuid: "An id has 5 to 50 characters.",
  invalidCuid: "An id has letters, digits and _, begins with a letter or digit, and is not two numbers joined by _.",
  invalidNameLength: "A name has at most 50 characters.",
  productionFieldRequired: "Choose the environment that this API key belongs to.",
  contactRegistrationFailed: "The service refused to sign you in. Check the account id and the API key.",
  microphonePermissionNotGranted: "There is no microphone to use. Plug one in, or let this app use it in your system’s sound settings.",
  contactNotReachable: "Nobody is signed in with this id. Try again later.",
  canNotCallSelf: "This is your own id.",
  cuidAlreadyConnectedElsewhere: "You are signed in on another device, and this account allows one at a time.",
  failureInMakeCall: "The call could not be placed. Try again.",
  featureNotAvailable: "This account does not include calls.",
  ongoingCall: "You are in a call already. Put it on hold first.",
  signallingSocketConnection: "The service cannot be reached. Check its address and your connection.",
  invalidServiceUrl: "Enter an address that begins with ws:// or wss://.",
  keyringAbsent: "This system has no keyring, so the API key cannot be kept. Enter it to sign in for this session.",
  keyringLocked: "The system keyring is locked. Unlock it, or enter the API key to sign in for this session.",
  invalidToneFile: "This file cannot be played. Choose an MP3, OGG or WAV file.",
  toneFileLost: "A tone of yours cannot be played any more. The built-in one is used.",
  notificationsAbsent: "This system shows no notifications. Incoming calls appear in their own small window.",
  settingsDamaged: "Your settings could not be read. They were set aside, and you start with new ones.",
  historyDamaged: "Your list of calls could not be read. It was set aside, and a new one begins.",
  invalidLink: "A link asked for a call that cannot be placed. Nothing was done.",
  autostartFailed: "This could not be changed: the folder for programs that start with the session cannot be written.",
  notSaved: "Your changes could not be written to disk. They last until the app is closed.",
};

/** Where a problem has a subject, which the user knows by this name. */
const problemsAbout: Partial<Record<ProblemCode, (subject: string) => string>> = {
  invalidToneFile: (file) => `${file} cannot be played. Choose an MP3, OGG or WAV file.`,
  toneFileLost: (files) => `${files} cannot be played any more. Until you choose again, you hear the built-in tone.`,
  settingsDamaged: (file) => `Your settings could not be read. They were set aside as ${file}, and you start with new ones.`,
  historyDamaged: (file) => `Your list of calls could not be read. It was set aside as ${file}, and a new one begins.`,
};

const endings: Record<PlainEndReason, Ending> = {
  hungUp: { title: "Call ended", detail: null, brief: null },
  cancelled: { title: "Call cancelled", detail: "It ended before it was answered.", brief: "Cancelled" },
  declined: { title: "Call declined", detail: null, brief: "Declined" },
  missed: { title: "Missed call", detail: null, brief: "Missed" },
  ringTimeout: { title: "No answer", detail: "It rang until the time was up.", brief: "No answer" },
  busy: { title: "User is busy on another call", detail: "Try again in a few minutes.", brief: "Busy" },
  loggedOut: { title: "Not signed in", detail: "They have signed out and cannot be called.", brief: "Not signed in" },
  notificationsDisabled: { title: "Not reachable", detail: "They have turned notifications off.", brief: "Not reachable" },
  microphoneRefused: { title: "No microphone over there", detail: "Their device may not use a microphone.", brief: "No microphone" },
  internalError: { title: "Something went wrong", detail: "The call failed on our side. Try again.", brief: "Failed" },
  localNetworkLoss: { title: "Connection lost", detail: "Your network went away.", brief: "Connection lost" },
  remoteNetworkLoss: { title: "Connection lost", detail: "Their network went away.", brief: "Connection lost" },
  protocolMismatch: { title: "Versions do not match", detail: "One of the two apps needs an update.", brief: "Not placed" },
  mediaSetupTooSlow: { title: "Could not connect", detail: "The network was too slow to carry the call.", brief: "Not connected" },
  answeredElsewhere: { title: "Answered elsewhere", detail: "You took this call on another device.", brief: "Answered elsewhere" },
  declinedElsewhere: { title: "Declined elsewhere", detail: "You declined this call on another device.", brief: "Declined elsewhere" },
  maxDuration: { title: "Time is up", detail: "This call had reached its time limit.", brief: "Time was up" },
  transferred: { title: "You were put through", detail: "The other side has put you through to somebody else.", brief: "Put through" },
  handedOver: { title: "Call transferred", detail: "They are put through, and you are out of the call.", brief: "Transferred" },
};

/** What another device of this user has done, where it is known what that is called. */
const endingsOn: Partial<Record<PlainEndReason, (device: string) => Ending>> = {
  answeredElsewhere: (device) => ({ title: `Answered on ${device}`, detail: `You took this call on ${device}.`, brief: `Answered on ${device}` }),
  declinedElsewhere: (device) => ({ title: `Declined on ${device}`, detail: `You declined this call on ${device}.`, brief: `Declined on ${device}` }),
};

/** What was the callee's doing, to the callee. */
const endingsHere: Partial<Record<PlainEndReason, Ending>> = {
  ringTimeout: { title: "Missed call", detail: "It rang until the time was up.", brief: "Missed" },
  busy: { title: "Missed call", detail: "You were in another call.", brief: "Missed" },
  loggedOut: { title: "Call ended", detail: "You have signed out.", brief: "Not signed in" },
  notificationsDisabled: { title: "Not shown", detail: "Notifications are turned off on this device.", brief: "Not shown" },
  microphoneRefused: { title: "No microphone", detail: "Nobody would have heard you. Plug one in, or allow it in your sound settings.", brief: "No microphone" },
};

/** Why a call was not transferred, where that is not what it means elsewhere. */
const transferProblems: Partial<Record<ProblemCode, string>> = {
  contactNotReachable: "Nobody is signed in with this id. Your call goes on.",
  canNotCallSelf: "That is you, or the person you are talking with.",
  ongoingCall: "They are on another call. Your call goes on.",
  failureInMakeCall: "This call cannot be transferred.",
  networkNotAvailable: "The service has not answered in time. Your call goes on.",
};

export const en = {
  locale: "en",
  direction: "ltr",
  appName: "Signed Call",
  setup: setup as Setup,
  problems,
  problemsAbout,
  transferProblems,
  endings,
  endingsHere,
  endingsOn,
  notPlaced: { title: "Call not placed", brief: "Not placed" },
  navigation: {
    label: "Sections",
    calls: "Calls",
    settings: "Settings",
    help: "Help",
    missed: (count: number): string => (count === 1 ? "1 missed call" : `${count} missed calls`),
  },
  status: {
    ready: (who: string) => `Ready · signed in as ${who}`,
    reconnecting: "Reconnecting…",
  },
  notice: {
    reconnecting: "The connection is being restored. Calls will work again in a moment.",
    thisSessionOnly: "Your API key could not be kept in the system keyring. You are signed in for this session only.",
    close: "Close this message",
  },
  signIn: {
    title: "Sign in",
    lead: "Voice calls that say who is calling, and why.",
    serviceUrl: "Service",
    accountId: "Account id",
    apiKey: "API key",
    apiKeyKept: "Kept in your system keyring",
    apiKeyHint: "Goes into your system keyring and nowhere else.",
    cuid: "Your id",
    cuidHint: "5 to 50 letters, digits and _",
    name: "Your name",
    nameHint: "Shown to the people you call. Optional.",
    environment: "Environment",
    production: "Production",
    test: "Test",
    submit: "Sign in",
    busy: "Signing in…",
    help: "Help and set-up check",
  },
  home: {
    title: "Calls",
    newCall: "New call",
    cuid: "Id to call",
    cuidPlaceholder: "courier_8842",
    context: "Reason for the call",
    contextPlaceholder: "Order 4711 question",
    contextHint: "They read it before they answer.",
    call: "Call",
    recent: "Recent",
    emptyTitle: "No calls yet",
    emptyLead: "People you call, and people who call you, will be listed here.",
    back: "Back to calls",
    yesterday: "Yesterday",
  },
  recent: {
    lastCall: "Last call",
    when: "When",
    length: "Length",
    reason: "Reason",
    ended: "Ended",
    incoming: "Incoming",
    outgoing: "Outgoing",
    missed: "Missed",
    unanswered: "Not answered",
    transferredBy: "Put through by",
    transferredTo: "Transferred to",
    callBack: (who: string) => `Call ${who} again`,
  },
  settings: {
    title: "Settings",
    account: "Account",
    sound: "Sound",
    tones: "Tones",
    start: "Start",
    calls: "Calls",
    secondCalls: "Let a second call wait",
    secondCallsHint: "You decide whether to answer it. When this is off, callers are told that you are busy.",
    autostart: "Start with my session",
    autostartHint: "In the tray, so that calls reach you from the first minute on.",
    microphone: "Microphone",
    speaker: "Speaker",
    ringSpeaker: "Ring on",
    sameAsSpeaker: "Same as the speaker",
    followSystem: "System default",
    followSystemNow: (device: string) => `System default (${device})`,
    noDevice: "None found",
    missingDevice: "Not plugged in",
    voiceProcessing: "Clean up my voice",
    voiceProcessingHint: "Removes echo and noise, and evens out the level.",
    outgoingTone: "While I wait",
    ringtone: "When somebody calls",
    toneHint: "Path of an MP3, OGG or WAV file",
    builtIn: "Built-in tone",
    service: "Service",
    cuid: "Your id",
    name: "Your name",
    environment: "Environment",
    production: "Production",
    test: "Test",
    signOut: "Sign out",
    signOutTitle: "Sign out?",
    signOutLead: "Calls will no longer reach you here, and the API key is removed from your keyring.",
    cancel: "Cancel",
  },
  link: {
    title: (who: string) => `Call ${who}?`,
    lead: "A link outside this app asks for this call. Call only if you expected that.",
    who: "Id",
    reason: "Reason",
    dismiss: "Do not call",
    call: "Call",
    signInFirst: (who: string) => `A link asks you to call ${who}. Sign in, and you are asked again.`,
  },
  help: {
    title: "Help",
    back: "Back to sign-in",
    setup: "Check my set-up",
    setupLead: "Looks at sound, notifications, keyring, service and account, and says how to mend what does not work.",
    setupGood: "Calls work here.",
    setupWrong: (count: number) => (count === 1 ? "One thing keeps calls from working." : `${count} things keep calls from working.`),
    check: "Check now",
    checkAgain: "Check again",
    questionsTitle: "Questions",
    questions: [
      {
        question: "My credentials work elsewhere. Why not here?",
        answer: [
          "Signed Call has an account id and API keys of its own. Those of your company’s analytics or of another system open nothing here, even where the fields have the same names.",
          "There is one key for production and one for tests. Whoever runs Signed Call in your company has both.",
        ],
      },
      {
        question: "How do I repair the installation?",
        answer: [
          "Check your set-up above first, and do what it says. If signing in fails, sign out and sign in again: the key is then written to the keyring anew.",
          "If that does not help, install the app again. Your settings and your list of calls stay. A file that cannot be read is set aside and never deleted.",
        ],
      },
      {
        question: "Which way does a call reach me?",
        answer: [
          "Over one connection that the app keeps open to the service, also while its window is closed. If it breaks, the app opens another within moments.",
          "Your voice goes straight to the other side where the networks allow it, and through the service’s relay where they do not. It is encrypted in both cases.",
        ],
      },
      {
        question: "Why do calls fail that worked in the test?",
        answer: [
          "Production and test are two separate worlds: a key of one does not open the other, and nobody there can be called from here.",
          "The app says so when you sign in. Sign out, choose the environment that your key was made for, and sign in again. Whoever you call has to be in the same one.",
        ],
      },
    ],
    keyboard: "Keyboard",
    keyboardHint: "Tab goes from control to control, Enter and Space press them. No single key answers or ends a call.",
    keys: {
      answer: "Answer a call; hold the one you are in",
      endAndAnswer: "End the call you are in, and answer",
      decline: "Decline a call",
      mute: "Mute, or not",
      hold: "Hold a call, or resume it",
      swap: "Swap with the call on hold",
      newCall: "Make another call",
      transfer: "Transfer a call",
      hangUp: "End a call",
      close: "Close an ended call, a menu or a question",
      larger: "Everything larger",
      smaller: "Everything smaller",
    },
  },
  call: {
    incoming: "Incoming call",
    calling: "Calling…",
    ringing: "Ringing…",
    connecting: "Connecting…",
    connected: "Connected",
    elapsed: "Elapsed time",
    muted: "You are muted",
    talkingWhileMuted: "You are muted. Nobody hears you.",
    silentMicrophone: "Nothing comes from your microphone. Is it switched off, or the wrong one?",
    quality: { good: "Good connection", weak: "Weak connection", poor: "Poor connection" },
    sound: "Sound",
    interrupted: "Interrupted. Getting the connection back…",
    controls: "Call controls",
    answer: "Answer",
    decline: "Decline",
    cancel: "Cancel",
    hangUp: "End",
    mute: "Mute",
    unmute: "Unmute",
    callAgain: "Call again",
    close: "Close",
    showMain: "Show the call in the main window",
    holdAndAnswer: "Hold and answer",
    endAndAnswer: "End and answer",
    hold: "Hold",
    resume: "Resume",
    swap: "Swap",
    newCall: "New call",
    transfer: "Transfer",
    other: "Other call",
    waiting: "Waiting call",
    onHold: "On hold",
    holding: {
      thisSide: "You hold this call. They hear music.",
      otherSide: "You are on hold. They will be back.",
      both: "You both hold this call.",
    },
    putThroughBy: (who: string) => `Put through by ${who}`,
    putYouThrough: (who: string) => `${who} has put you through`,
    handedOverTo: (to: string) => `They are put through to ${to}.`,
  },
  transfer: {
    title: (who: string) => `Transfer ${who}`,
    lead: "They are put through to whom you choose, and you leave the call.",
    cuid: "Id to transfer to",
    people: "Recent",
    submit: "Transfer",
    busy: "Transferring…",
    cancel: "Cancel",
  },
  newCall: {
    title: "New call",
    lead: (who: string) => `${who} stays on hold meanwhile.`,
    leadHolds: (who: string) => `${who} is put on hold first.`,
    submit: "Call",
    submitHolds: "Hold and call",
    cancel: "Cancel",
  },
  /** A length of time in words; hours and minutes are left out while they are zero. */
  duration: (hours: number, minutes: number, seconds: number): string =>
    [hours ? `${hours} h` : "", hours || minutes ? `${minutes} min` : "", `${seconds} s`].filter(Boolean).join(" "),
};
