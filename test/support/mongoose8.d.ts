/** Mongoose 8 is run with the types of Mongoose 9: its own would declare the module `mongoose` a second time. */
export * from 'mongoose';
export { default } from 'mongoose';
